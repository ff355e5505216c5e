"""One module a subcommand that is not Lightning's; its function of the same name is the job."""
