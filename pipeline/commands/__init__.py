"""The subcommands of `cradle`, a module each: EXAMPLE, arguments(parser), run(arguments)."""
