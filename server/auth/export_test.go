package auth

// Occupy takes a turn of the hasher until it is released.
func Occupy(h *Hasher) (release func()) {
	h.slots <- struct{}{}
	return func() { <-h.slots }
}
