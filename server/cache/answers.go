package cache

// Answers keeps whole answers, as they are sent, in the process only: what they are made from is in Redis already.
type Answers[T any] struct{ cache *Cache }

// NewAnswers keeps answers in the cache, within its bounds.
func NewAnswers[T any](c *Cache) Answers[T] { return Answers[T]{c} }

// Moment is the state of what an answer is made from, just before it is made.
type Moment struct{ from stamps }

// Now returns the state of what the tags name.
func (a Answers[T]) Now(tags ...string) Moment { return Moment{a.cache.versions.stamp(slotsOf(tags))} }

// Get returns the answer kept under the name, if nothing that it was made from has changed.
func (a Answers[T]) Get(name string) (T, bool) {
	answer, ok := lookup[T](a.cache, name)
	if ok {
		a.cache.answers.hits.Inc()
	} else {
		a.cache.answers.misses.Inc()
	}
	return answer, ok
}

// Keep keeps an answer that was made after the moment. bytes is its size.
func (a Answers[T]) Keep(name string, made Moment, answer T, bytes int) {
	a.cache.entries.Set(name, entry{value: answer, from: made.from, bytes: weight(len(name) + bytes)})
}
