package main

import "runtime/debug"

// release is set by the linker where there is no git to ask, as in an image: -ldflags "-X main.release=v1.2.3".
var release string // the linker sets nothing else

// version is the tag that the program was built from, as Go recorded it.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
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
