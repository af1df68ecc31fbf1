"""What the commands do, grouped by what they are about; each returns a `Result`."""
