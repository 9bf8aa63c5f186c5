package migrations

// Read returns the statements of a file.
var Read = read

// Files are those that are applied.
var Files = files

// MigrateFiles lets tests migrate with files of their own.
var MigrateFiles = migrateFiles
