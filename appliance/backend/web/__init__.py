"""Services that are asked over HTTP: one client for all of them (extra ``cloud``)."""
