"""FlowSchemas and PriorityLevelConfigurations: which there are, and what they may be."""
