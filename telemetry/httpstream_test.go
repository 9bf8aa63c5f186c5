package telemetry

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// The client leaves while what was read last is being sent to it, and the writing fails before more of it is read.
func TestAStreamThatFailsWhileItsClientLeavesHasFailed(t *testing.T) {
	reader, _ := io.Pipe()
	written := &writtenStream{PipeReader: reader, tell: func(error) { t.Error("it is told twice") }}
	var ended *followedStream
	stream := &followedStream{Reader: written, done: func(s *followedStream) { ended = s }}
	burns, left := errors.New("the cart burns"), errors.New("broken pipe")
	written.ended(burns)
	require.NoError(t, stream.Close())
	require.NoError(t, stream.CloseWithError(left))
	require.Equal(t, outcome{200, catalogue.ErrorInternal}, ended.outcome(outcome{200, ""}))
	require.Equal(t, burns, ended.cause(nil))
}
