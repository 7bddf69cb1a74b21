"""The evaluation set, small changes with planted defects and clean ones that look suspicious, and its scoring."""
