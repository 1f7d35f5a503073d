"""Whether a CustomResourceDefinition can be one, field by field."""
