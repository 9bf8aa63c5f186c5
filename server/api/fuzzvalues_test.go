package api_test

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/payments"
)

// deepest is how far values nest.
const deepest = 6

func mapsKeys(of map[string]any) iter.Seq[string] { return maps.Keys(of) }

// value makes a value that the schema allows, as far as it can: patterns are met by the schema's example. name is the
// parameter or field that it is for.
func (m *maker) value(schema *openapi3.Schema, name string, depth int) any {
	switch {
	case len(schema.AllOf)+len(schema.AnyOf)+len(schema.OneOf) > 0:
		all := slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf)
		return m.value(pick(m, all).Value, name, depth)
	case len(schema.Enum) > 0:
		return pick(m, schema.Enum)
	case schema.Type.Includes("object"):
		return m.object(schema, depth)
	case schema.Type.Includes("array"):
		return m.array(schema, name, depth)
	case schema.Type.Includes("integer"):
		return m.integer(schema)
	case schema.Type.Includes("number"):
		return m.rand.Float64() * 100
	case schema.Type.Includes("boolean"):
		return m.chance(2)
	case schema.Type.Includes("string"):
		return m.string(schema, name)
	}
	return m.oddity()
}

func (m *maker) object(schema *openapi3.Schema, depth int) any {
	object := map[string]any{}
	if depth > deepest {
		return object
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !slices.Contains(schema.Required, name) && m.chance(2) {
			continue
		}
		object[name] = m.value(schema.Properties[name].Value, name, depth+1)
	}
	return object
}

func (m *maker) array(schema *openapi3.Schema, name string, depth int) any {
	least, most := int(schema.MinItems), int(schema.MinItems)+3
	if schema.MaxItems != nil {
		most = min(most, int(*schema.MaxItems))
	}
	array := []any{}
	for range least + m.rand.IntN(most-least+1) {
		array = append(array, m.value(schema.Items.Value, strings.TrimSuffix(name, "s"), depth+1))
	}
	return array
}

func (m *maker) integer(schema *openapi3.Schema) any {
	least, most := int64(0), int64(math.MaxInt32)
	if schema.Min != nil {
		least = int64(*schema.Min)
	}
	if schema.Max != nil {
		most = int64(*schema.Max)
	}
	switch m.rand.IntN(8) {
	case 0:
		return most
	case 1:
		return least + m.rand.Int64N(most-least+1)
	}
	return min(most, least+m.rand.Int64N(5)) // small numbers are what people order
}

func (m *maker) string(schema *openapi3.Schema, name string) any {
	name = strings.TrimSuffix(name, "_id")
	if name == "Idempotency-Key" && !m.chance(6) {
		return fmt.Sprint(m.rand.Uint64())
	}
	if known := m.known[name]; len(known) > 0 && !m.chance(10) {
		// The first ones belong together, and so do the latest.
		return pick(m, []string{known[0], known[len(known)-1], pick(m, known)})
	}
	switch schema.Format {
	case "uuid":
		return uuid.NewSHA1(uuid.Nil, []byte(m.text(8))).String()
	case "date":
		return m.moment().Format(time.DateOnly)
	case "date-time":
		return m.moment().Format(time.RFC3339)
	}
	if example := exampleOf(schema); example != nil && (schema.Pattern != "" || m.chance(2)) {
		return example
	}
	most := 30
	if schema.MaxLength != nil {
		most = min(most, int(*schema.MaxLength))
	}
	text := m.text(most)
	for len([]rune(text)) < int(schema.MinLength) {
		text += "x"
	}
	return text
}

func exampleOf(schema *openapi3.Schema) any {
	if len(schema.Examples) > 0 {
		return schema.Examples[0]
	}
	return schema.Example
}

// upTo is a number from 1.
func (m *maker) upTo(most int64) int64 { return 1 + m.rand.Int64N(most) }

// word is text that may be the name of anything.
func (m *maker) word() string { return strings.TrimSpace("a" + m.text(30)) }

// damaged is a copy of the bytes, of which some are changed, or missing at the end; every other one is whole.
func (m *maker) damaged(content []byte) []byte {
	content = bytes.Clone(content)
	switch m.rand.IntN(4) {
	case 0:
		for range 10 {
			content[m.rand.IntN(len(content))] = byte(m.rand.IntN(256))
		}
	case 1:
		content = content[:m.rand.IntN(len(content))]
	}
	return content
}

// event is what a payment provider may deliver.
func (m *maker) event() any {
	payment := uuid.NewSHA1(uuid.Nil, []byte(m.text(8))).String()
	if known := m.known["payment"]; len(known) > 0 && !m.chance(4) {
		payment = pick(m, known)
	}
	status := pick(m, []string{"succeeded", "processing", "canceled", "requires_action", "requires_payment_method", m.text(10)})
	return map[string]any{
		"id": fmt.Sprint("evt_", m.rand.Uint64()), "object": "event", "type": pick(m, []string{"payment_intent.", "charge."}) + status, "created": m.now.Unix(),
		"data": map[string]any{"object": map[string]any{
			"id": fmt.Sprint("pi_", m.rand.Uint64()), "object": "payment_intent", "status": status, "metadata": map[string]any{payments.MetadataPayment: payment},
		}},
	}
}

// moment is a time not far from now, to the second; seldom one at the ends of what can be written.
func (m *maker) moment() time.Time {
	const hours = 24 * 10
	if m.chance(10) {
		return time.Date(pick(m, []int{0, 1, 1970, 9999}), time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return m.now.Add(time.Duration(m.rand.IntN(2*hours)-hours) * time.Hour).Truncate(time.Second)
}

// text is at most so many characters, of which few are usual.
func (m *maker) text(most int) string {
	letters := []rune("abcdeABC 019-_.,'\"<>&%/\\{}äß€語\u00a0\U0001F955")
	text := make([]rune, m.rand.IntN(most+1))
	for i := range text {
		text[i] = pick(m, letters)
	}
	return string(text)
}
