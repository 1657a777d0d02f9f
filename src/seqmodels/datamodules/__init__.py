"""Where sequences come from. A new source is one file here and one YAML in `conf/datamodule/`."""
