package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// routeTable finds the registered route of a request before Fiber runs it, so that a span has its name when the sampler
// sees it, and a request that a middleware stops still counts for the route it was meant for. It follows Fiber's rule:
// of all the routes that match, the one registered first wins.
type routeTable struct {
	methods       map[string]*routeNode
	caseSensitive bool
	strict        bool
}

// routeNode is one path segment of the table.
type routeNode struct {
	static   map[string]*routeNode
	param    *routeNode
	route    *route // ends here
	wildcard *route // takes everything below
}

// route is one registered method and path template, with its series.
type route struct {
	method   string
	template string // {id} for parameters; empty when unmatched
	http     *spanTemplate
	https    *spanTemplate
	order    int
	quiet    bool
	series   seriesSet
	access   *slog.Logger // of its requests that succeeded
	lines    *accessLines // of those that are usual
}

func newRoute(method, template string) *route {
	return &route{
		method: method, template: template,
		http: newRouteSpan(method, template, "http"), https: newRouteSpan(method, template, "https"),
	}
}

func newRouteTable(config fiber.Config) *routeTable {
	return &routeTable{
		methods:       map[string]*routeNode{},
		caseSensitive: config.CaseSensitive,
		strict:        config.StrictRouting,
	}
}

// add puts a Fiber route into the table. Of two routes with the same method and path the first stays.
func (t *routeTable) add(method, path string, r *route) error {
	if i := strings.IndexAny(path, "?+<\\"); i >= 0 {
		return fmt.Errorf("instrument route %s %s: %q is not supported in a path: "+
			"use plain segments, :name for a whole segment, and * at the end", method, path, path[i])
	}
	node := t.methods[method]
	if node == nil {
		node = &routeNode{}
		t.methods[method] = node
	}
	segments := t.segments(path)
	for i, segment := range segments {
		switch {
		case segment == "*" && i == len(segments)-1:
			if node.wildcard == nil {
				node.wildcard = r
			}
			return nil
		case strings.HasPrefix(segment, ":") && !strings.ContainsAny(segment[1:], ":*-."):
			node = node.parameter()
		case strings.ContainsAny(segment, ":*"):
			return fmt.Errorf("instrument route %s %s: segment %q mixes text and parameters: "+
				"a parameter must be a whole segment", method, path, segment)
		default:
			if !t.caseSensitive {
				segment = strings.ToLower(segment)
			}
			node = node.child(segment)
		}
	}
	if node.route == nil {
		node.route = r
	}
	return nil
}

func (t *routeTable) segments(path string) []string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if last := len(segments) - 1; !t.strict && last > 0 && segments[last] == "" {
		return segments[:last]
	}
	return segments
}

func (n *routeNode) child(segment string) *routeNode {
	if n.static == nil {
		n.static = map[string]*routeNode{}
	}
	next := n.static[segment]
	if next == nil {
		next = &routeNode{}
		n.static[segment] = next
	}
	return next
}

func (n *routeNode) parameter() *routeNode {
	if n.param == nil {
		n.param = &routeNode{}
	}
	return n.param
}

// find returns the route that Fiber will run for the path, or nil.
func (t *routeTable) find(method string, path []byte) *route {
	root := t.methods[method]
	if root == nil || len(path) == 0 || path[0] != '/' {
		return nil
	}
	if !t.caseSensitive {
		path = lower(path)
	}
	path = path[1:]
	if !t.strict {
		path = bytes.TrimRight(path, "/")
	}
	return root.find(path)
}

func (n *routeNode) find(rest []byte) *route {
	segment, below, more := bytes.Cut(rest, []byte{'/'})
	best := n.wildcard
	if next := n.static[string(segment)]; next != nil {
		best = first(best, next.end(below, more))
	}
	if n.param != nil && len(segment) > 0 {
		best = first(best, n.param.end(below, more))
	}
	return best
}

// end is what matches once this node's segment has been read.
func (n *routeNode) end(below []byte, more bool) *route {
	if more {
		return n.find(below)
	}
	return first(n.route, n.wildcard)
}

func first(a, b *route) *route {
	if a.position() <= b.position() {
		return a
	}
	return b
}

func (r *route) position() int {
	if r == nil {
		return math.MaxInt
	}
	return r.order
}

// lower returns the path in lower case; the same slice when it is already.
func lower(path []byte) []byte {
	for _, b := range path {
		if 'A' <= b && b <= 'Z' {
			return bytes.ToLower(path)
		}
	}
	return path
}

// template writes a Fiber path the way OpenAPI and http.route do: {id} for :id.
func template(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") {
			segments[i] = "{" + segment[1:] + "}"
		}
	}
	return strings.Join(segments, "/")
}
