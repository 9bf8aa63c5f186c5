package telemetry

import (
	"bytes"
	"log/slog"
	"math"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// routeTable finds the registered route of a request before Fiber runs it, so that a span has its name when the sampler
// sees it, and a request that a middleware stops still counts for the route it was meant for. It follows Fiber's rule:
// of all the routes that match, the one registered first wins.
type routeTable struct {
	methods map[string]*routeNode
	odd     map[string][]oddRoute // by method, in the order of their registration
	config  fiber.Config
}

// oddRoute is one whose path the tree cannot hold: it has an optional parameter, a constraint, several parameters in one
// segment, or a wildcard in the middle. Fiber itself is asked whether it matches, but for custom constraints, which it does
// not tell. That takes a microsecond, so only of requests that begin as the path does.
type oddRoute struct {
	prefix string // what the path has before its first parameter, without a slash at the end
	path   string
	route  *route
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
		methods: map[string]*routeNode{},
		odd:     map[string][]oddRoute{},
		config:  config,
	}
}

// add puts a Fiber route into the table. Of two routes with the same method and path the first stays. Routes are added in
// the order of their registration.
func (t *routeTable) add(method, path string, r *route) {
	segments := t.segments(path)
	if isOdd(segments) {
		prefix := t.fold(path[:strings.IndexAny(path, oddCharacters+":*")])
		t.odd[method] = append(t.odd[method], oddRoute{prefix: strings.TrimRight(prefix, "/"), path: path, route: r})
		return
	}
	node := t.methods[method]
	if node == nil {
		node = &routeNode{}
		t.methods[method] = node
	}
	for _, segment := range segments {
		switch {
		case segment == "*":
			if node.wildcard == nil {
				node.wildcard = r
			}
			return
		case strings.HasPrefix(segment, ":"):
			node = node.parameter()
		default:
			node = node.child(t.fold(segment))
		}
	}
	if node.route == nil {
		node.route = r
	}
}

// oddCharacters are those that only odd paths have.
const oddCharacters = "?+<\\"

func isOdd(segments []string) bool {
	for i, segment := range segments {
		switch {
		case strings.ContainsAny(segment, oddCharacters):
			return true
		case segment == "*" && i == len(segments)-1:
		case strings.HasPrefix(segment, ":") && !strings.ContainsAny(segment[1:], ":*-."):
		case strings.ContainsAny(segment, ":*"):
			return true
		}
	}
	return false
}

// fold makes text of a path as it is compared.
func (t *routeTable) fold(text string) string {
	if t.config.CaseSensitive {
		return text
	}
	return strings.ToLower(text)
}

func (t *routeTable) segments(path string) []string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if last := len(segments) - 1; !t.config.StrictRouting && last > 0 && segments[last] == "" {
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
	if len(path) == 0 || path[0] != '/' {
		return nil
	}
	if !t.config.CaseSensitive {
		path = lower(path)
	}
	if !t.config.StrictRouting {
		path = bytes.TrimRight(path, "/")
	}
	var found *route
	if root := t.methods[method]; root != nil {
		found = root.find(bytes.TrimPrefix(path, []byte{'/'}))
	}
	return t.findOdd(method, path, found)
}

// findOdd returns the route that was found already, or an odd one that was registered before it.
func (t *routeTable) findOdd(method string, path []byte, found *route) *route {
	for _, o := range t.odd[method] {
		if o.route.order > found.position() {
			break
		}
		if bytes.HasPrefix(path, []byte(o.prefix)) && fiber.RoutePatternMatch(string(path), o.path, t.config) {
			return o.route
		}
	}
	return found
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

// template writes a Fiber path the way OpenAPI and http.route do: {id} for :id. An odd path stays as it is.
func template(path string) string {
	segments := strings.Split(path, "/")
	if isOdd(segments) {
		return path
	}
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") {
			segments[i] = "{" + segment[1:] + "}"
		}
	}
	return strings.Join(segments, "/")
}
