package rum

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// What an error says in words may be what somebody typed, so none of it is kept: only which of the known errors it is, and the
// places in scripts that its stack names.

// frame finds a place in a script: the path of the address, and the line. A path without the ending of a file is that of a page.
var frame = regexp.MustCompile(`(?:https?://[^\s/?#]+)?(/[A-Za-z0-9_~.-][A-Za-z0-9._~/-]{0,199}\.[a-z0-9]{1,5})(?:\?[^\s:)]*)?(?::(\d{1,7})(?::\d{1,7})?)?(?:[\s)]|$)`)

// fault is what is kept of an error.
type fault struct {
	kind, class string
	path        string // of the script at the top of the stack; empty when it is not known
	line        int    // in it; 0 when it is not known
	fingerprint string // the same for errors of one kind from one place, 16 hexadecimal digits
}

func faultOf(e BrowserError) fault {
	f := fault{kind: e.Kind, class: catalogue.OtherInBrowser}
	if slices.Contains(catalogue.BrowserErrorClasses(), e.Type) {
		f.class = e.Type
	}
	places := sha256.New()
	fmt.Fprintln(places, f.kind, f.class)
	for i, place := range frame.FindAllStringSubmatch(e.Stack, -1) {
		fmt.Fprintln(places, place[1], place[2])
		if i == 0 {
			f.path = place[1]
			f.line, _ = strconv.Atoi(place[2]) // 0 when there is none
		}
	}
	const digits = 16
	f.fingerprint = hex.EncodeToString(places.Sum(nil))[:digits]
	return f
}

// attributes are what the page's trace and the log say of the error.
func (f fault) attributes() []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String(catalogue.BrowserKindField, f.kind), attribute.String(catalogue.BrowserClassField, f.class),
		attribute.String(catalogue.BrowserFingerprintField, f.fingerprint),
	}
	if f.path != "" {
		attributes = append(attributes, attribute.String(catalogue.BrowserSourceField, f.path))
	}
	if f.line != 0 {
		attributes = append(attributes, attribute.Int(catalogue.BrowserLineField, f.line))
	}
	return attributes
}
