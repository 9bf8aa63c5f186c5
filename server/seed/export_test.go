package seed

// Of the package, for its tests.
var (
	ParseSeason = parseSeason
	ParseUnit   = parseUnit
	ReadFS      = read
)
