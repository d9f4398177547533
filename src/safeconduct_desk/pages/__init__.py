"""One file = one page: its view, its form, its address in ``urls``; the template has the same name."""
