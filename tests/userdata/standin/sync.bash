# Nothing to write to a disk here.
