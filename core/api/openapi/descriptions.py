"""What `kubectl explain` says of the fields that every object has.

All other fields are described by their names and types alone.
"""

from __future__ import annotations

from typing import Final

OF_EVERY_OBJECT: Final = {
    "apiVersion": "APIVersion defines by which version of its kind's schema this object is "
    "written: a group and a version, or the version alone for the core group.",
    "kind": "Kind says what this object is, in CamelCase. The server knows it from the address "
    "that a request is sent to; it cannot be changed.",
    "metadata": "Standard object's metadata: name, labels, owners and what the server adds.",
}
OF_METADATA: Final = {
    "annotations": "Annotations hold what tools note on an object; nothing is selected by them.",
    "creationTimestamp": "CreationTimestamp is a timestamp of the moment at which the server "
    "stored the object, in UTC. It is set by the server.",
    "deletionGracePeriodSeconds": "How many seconds the object may take to end after it was "
    "deleted. It can only be shortened.",
    "deletionTimestamp": "When the object will be gone at the latest, set by the server when a "
    "graceful deletion is asked for. With finalizers the object stays until they are removed.",
    "finalizers": "Finalizers name who has something to do before the object may go. It is only "
    "removed when the list is empty.",
    "generateName": "GenerateName is the beginning of a name that the server completes where no "
    "name is given.",
    "generation": "Generation counts the versions of what is wanted. It is set by the server.",
    "labels": "Labels say what the object belongs to; selectors choose by them.",
    "managedFields": "ManagedFields say who has set which fields, for server-side apply.",
    "name": "Name is the object's name, of which a namespace has one for each kind. It cannot be "
    "changed.",
    "namespace": "Namespace is the space within which the name is unique. It cannot be changed.",
    "ownerReferences": "OwnerReferences name the objects that this one depends on. When all of "
    "them are gone it is collected, too.",
    "resourceVersion": "ResourceVersion says which version of the object this is. Clients hand "
    "it back to be refused when somebody else was faster; it has no other meaning.",
    "selfLink": "SelfLink is not set any more.",
    "uid": "UID tells this object from all others that had or will have its name.",
}
