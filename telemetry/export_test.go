package telemetry

// GoneAfter is for tests that go away.
const GoneAfter = goneAfter
