"""The controllers of Nodes: whether they live, who must leave them, which are gone."""
