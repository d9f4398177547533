"""The desk: pages, resources, long work, in a folder of their own."""
