package main

import "runtime/debug"

// release is set by the linker in a release: -ldflags "-X main.release=v1.2.3".
var release string //nolint:gochecknoglobals // the linker sets nothing else

func version() string {
	if release != "" {
		return release
	}
	return "dev"
}

// revision is the commit the program was built from, as Go recorded it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
