// Package stack runs the programs of the embedded mode: it finds or builds them, starts them in order, watches them,
// restarts what crashes, and stops all of them.
package stack

import "time"

// State is where a component is in its life.
type State string

// The states of a component.
const (
	Building   State = "building"
	Starting   State = "starting"
	Ready      State = "ready"
	Restarting State = "restarting" // crashed; waiting to be started again
	Stopping   State = "stopping"
	Stopped    State = "stopped"
	Failed     State = "failed"
	Absent     State = "absent" // optional and not installed
)

// Component is what is known of one program of the stack. It is the JSON that `lookout status --json` prints.
type Component struct {
	Name        string    `json:"name"`
	Version     string    `json:"version,omitempty"`
	State       State     `json:"state"`
	Detail      string    `json:"detail,omitempty"`   // why, in words, when the state alone does not say
	URL         string    `json:"url,omitempty"`      // a page worth opening; empty when the program has none
	Endpoint    string    `json:"endpoint,omitempty"` // where programs reach it
	PID         int       `json:"pid,omitempty"`
	MemoryBytes uint64    `json:"memory_bytes,omitempty"` // resident; what programs share is divided among them
	Restarts    int       `json:"restarts"`
	Since       time.Time `json:"since"` // of the state
}
