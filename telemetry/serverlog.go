package telemetry

import (
	"context"
	"fmt"
	"log/slog"
)

// serverLogger takes what fasthttp has to say, which would go to standard error as plain text.
type serverLogger struct{ logger *slog.Logger }

// Printf implements fasthttp.Logger.
func (l serverLogger) Printf(format string, args ...any) {
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, "HTTP server", slog.String("error", fmt.Sprintf(format, args...)))
}
