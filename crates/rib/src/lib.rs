//! Attributes, tables, best path, reflection, export groups.
