package telemetry

import (
	"context"
	"encoding/json"
	"log/slog"

	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/farmersmarket/platform/telemetry/redact"
)

// redactHandler takes secrets and personal data out of lines before anybody writes them.
type redactHandler struct{ slog.Handler }

func (h redactHandler) Handle(ctx context.Context, record slog.Record) error {
	message := redact.String(record.Message)
	changed := message != record.Message
	record.Attrs(func(a slog.Attr) bool {
		_, found := cleanAttr(a)
		changed = changed || found
		return !changed
	})
	if changed {
		clean := slog.NewRecord(record.Time, record.Level, message, record.PC)
		record.Attrs(func(a slog.Attr) bool {
			a, _ = cleanAttr(a)
			clean.AddAttrs(a)
			return true
		})
		record = clean
	}
	return h.Handler.Handle(ctx, record)
}

func (h redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i], _ = cleanAttr(a)
	}
	return redactHandler{h.Handler.WithAttrs(clean)}
}

func (h redactHandler) WithGroup(name string) slog.Handler {
	return redactHandler{h.Handler.WithGroup(name)}
}

// cleanAttr returns the field as it may be written, and whether something had to be taken out.
func cleanAttr(a slog.Attr) (clean slog.Attr, changed bool) {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		text := value.String()
		if a.Key == string(semconv.URLPathKey) {
			clean := redact.Path(text)
			return slog.String(a.Key, clean), clean != text
		}
		if text != "" && isSecretKey(a.Key) {
			return slog.String(a.Key, redact.Mark), text != redact.Mark
		}
		clean := redact.String(text)
		return slog.String(a.Key, clean), clean != text
	case slog.KindGroup:
		return cleanGroup(a.Key, value.Group())
	case slog.KindAny:
		if isSecretKey(a.Key) && value.Any() != nil {
			return slog.String(a.Key, redact.Mark), true
		}
		return cleanAny(a.Key, value.Any())
	default: // numbers, times and the like
		if isSecretKey(a.Key) {
			return slog.String(a.Key, redact.Mark), true
		}
		return slog.Attr{Key: a.Key, Value: value}, false
	}
}

func cleanGroup(key string, attrs []slog.Attr) (slog.Attr, bool) {
	clean, changed := make([]slog.Attr, len(attrs)), false
	for i, a := range attrs {
		var found bool
		clean[i], found = cleanAttr(a)
		changed = changed || found
	}
	return slog.Attr{Key: key, Value: slog.GroupValue(clean...)}, changed
}

// cleanAny looks at a value as it would be written. Where something is in it, what is written is without it.
func cleanAny(key string, value any) (slog.Attr, bool) {
	if err, ok := value.(error); ok {
		return slog.String(key, redact.String(err.Error())), true // for the bridge, which makes an exception of it
	}
	text, err := json.Marshal(value)
	if err != nil {
		return slog.String(key, "!ERROR: "+redact.String(err.Error())), true
	}
	clean := redact.String(string(text))
	if clean == string(text) {
		return slog.Any(key, value), false
	}
	var without any
	if json.Unmarshal([]byte(clean), &without) == nil {
		return slog.Any(key, without), true
	}
	return slog.String(key, clean), true
}
