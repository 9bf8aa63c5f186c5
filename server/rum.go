package main

import (
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/rum"
	"github.com/farmersmarket/platform/telemetry"
)

// openRUM reads the script for browsers, where it has been built, and makes what takes in their reports.
func openRUM(c config.Config, tel *telemetry.Telemetry) (api.RUM, error) {
	script, err := rum.LoadScript(c.RUMScript)
	if err != nil {
		return api.RUM{}, usageError{err}
	}
	return api.RUM{Recorder: rum.New(tel, c.RUMApps, c.RUMPages), Script: script}, nil
}
