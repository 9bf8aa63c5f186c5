package stack

import (
	"sync"
	"time"

	"github.com/farmersmarket/platform/lookout/process"
)

// board holds what is known of every component and tells when that changes.
type board struct {
	mu         sync.Mutex
	components []Component
	changed    chan struct{}
}

func newBoard() *board {
	return &board{changed: make(chan struct{}, 1)}
}

// add puts a component on the board, in its state from now on.
func (b *board) add(c Component) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.Since = time.Now()
	b.components = append(b.components, c)
}

// update changes a component. A change of state starts a new Since, and every change drops the old detail. A page is
// shown only of a component that is ready.
func (b *board) update(name string, change func(*Component)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.components {
		c := &b.components[i]
		if c.Name != name {
			continue
		}
		before := *c
		c.Detail = ""
		change(c)
		if c.State != before.State {
			c.Since = time.Now()
		}
		if c.State != Ready {
			c.URL = ""
		}
		if *c == before {
			return
		}
		select {
		case b.changed <- struct{}{}:
		default: // a change is already waiting to be seen
		}
	}
}

// snapshot returns the components with the memory they have now.
func (b *board) snapshot() []Component {
	b.mu.Lock()
	defer b.mu.Unlock()
	return measured(b.components)
}

// measured returns a copy of the components with the memory they have now.
func measured(components []Component) []Component {
	copied := append([]Component(nil), components...)
	for i := range copied {
		if copied[i].PID != 0 {
			copied[i].MemoryBytes = process.ResidentBytes(copied[i].PID)
		}
	}
	return copied
}
