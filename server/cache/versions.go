package cache

import (
	"slices"
	"sync/atomic"
)

// slots is how many versions are kept. Tags share them by their hash: two tags that share one end each other's values,
// which costs a question to the database and nothing else. It bounds the memory, whatever the tags.
const slots = 4096

// everything is the slot that every value depends on.
const everything = 0

// versions counts the changes of what values are made from. Its zero value is ready.
type versions [slots]atomic.Uint64

// stamp is a slot and the version that it had.
type stamp struct {
	slot    uint16
	version uint64
}

// stamps is what a value was made from, as it was just before the value was read.
type stamps []stamp

// slotsOf returns the slots of the tags, and the one of everything, in order.
func slotsOf(tags []string) []uint16 {
	found := make([]uint16, 1, len(tags)+1) // the first is everything
	for _, tag := range tags {
		found = append(found, slotOf(tag))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// slotOf must be the same in every process that shares a Redis: FNV-1a, not a seeded hash.
func slotOf(tag string) uint16 {
	hash := uint32(2166136261)
	for i := range len(tag) {
		hash = (hash ^ uint32(tag[i])) * 16777619
	}
	return uint16(1 + hash%(slots-1))
}

func (v *versions) stamp(of []uint16) stamps {
	s := make(stamps, len(of))
	for i, slot := range of {
		s[i] = stamp{slot, v[slot].Load()}
	}
	return s
}

// current reports whether nothing that the stamps name has changed since.
func (v *versions) current(s stamps) bool {
	for i := range s {
		if v[s[i].slot].Load() != s[i].version {
			return false
		}
	}
	return true
}

func (v *versions) change(of ...uint16) {
	for _, slot := range of {
		v[slot].Add(1)
	}
}
