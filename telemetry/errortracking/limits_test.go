package errortracking

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheNextOfAKindSaysHowManyWereLeftOut(t *testing.T) {
	l, now := newLimits(), time.Now()
	kind := [2]string{"internal", "GET /farms"}
	allowed, _ := l.allow(kind, now)
	require.True(t, allowed)
	for range 5 {
		allowed, _ = l.allow(kind, now.Add(every/2))
		require.False(t, allowed)
	}
	allowed, suppressed := l.allow(kind, now.Add(every))
	require.True(t, allowed)
	require.Equal(t, 5, suppressed)
	_, suppressed = l.allow(kind, now.Add(2*every))
	require.Zero(t, suppressed, "they are told of once")
}

func TestOneKindLeavesTheOthersTheirShare(t *testing.T) {
	l, now := newLimits(), time.Now()
	for range 10 * burst {
		l.allow([2]string{"internal", "GET /farms"}, now)
	}
	allowed, _ := l.allow([2]string{"internal", "GET /products"}, now)
	require.True(t, allowed)
}

func TestKindsTakeBoundedMemory(t *testing.T) {
	l, now := newLimits(), time.Now()
	for i := range 2 * mostKinds {
		l.allow([2]string{"internal", time.Duration(i).String()}, now)
	}
	require.LessOrEqual(t, len(l.kinds), mostKinds+1)
}
