"""Runs tasks of Python for pushflow, in an interpreter of its own. Nothing but the standard library is needed."""
