"""The command line: `steepest`."""

from steepest.cli.app import app as app, main as main
