"""The schema, step by step: `versions` holds a file for each revision, numbered from 1 on."""
