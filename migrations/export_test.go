package migrations

// MigrateFiles lets tests migrate with files of their own.
var MigrateFiles = migrateFiles
