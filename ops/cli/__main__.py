"""`python -m ops.cli`, as the supervisor starts roles."""

from ops.cli.app import main

main()
