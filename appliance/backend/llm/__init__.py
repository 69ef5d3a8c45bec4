"""Language models of services and of servers of one's own, as minds of a pipeline."""
