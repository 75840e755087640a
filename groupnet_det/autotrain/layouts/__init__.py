"""What kind of data set lies in a folder, found out by looking."""
