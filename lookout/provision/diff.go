package provision

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// diff lists the fields in which two JSON objects differ, in the order of their paths. Elements of a list are paired by
// what a person calls them (a panel by its title, a query by its letter), so that one panel inserted at the top is one
// change and not a change of every panel.
func diff(from, to map[string]any) []Change { return diffObjects("", from, to) }

func diffObjects(path string, from, to map[string]any) []Change {
	keys := sortedKeys(from)
	for key := range to {
		if _, both := from[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var changes []Change
	for _, key := range keys {
		changes = append(changes, diffValues(joinPath(path, key), from[key], to[key])...)
	}
	return changes
}

func diffValues(path string, from, to any) []Change {
	if reflect.DeepEqual(from, to) {
		return nil
	}
	a, aObject := from.(map[string]any)
	b, bObject := to.(map[string]any)
	if aObject && bObject {
		return diffObjects(path, a, b)
	}
	c, cList := from.([]any)
	d, dList := to.([]any)
	if cList && dList {
		return diffLists(path, c, d)
	}
	return []Change{{Path: path, From: from, To: to}}
}

func diffLists(path string, from, to []any) []Change {
	a, aNamed := byName(from)
	b, bNamed := byName(to)
	if !aNamed || !bNamed {
		return []Change{{Path: path, From: from, To: to}} // of plain values, such as tags: they are read as a whole
	}
	var changes []Change
	for _, item := range a {
		changes = append(changes, diffValues(path+"["+item.name+"]", item.value, find(b, item.name))...)
	}
	for _, item := range b {
		if find(a, item.name) == nil {
			changes = append(changes, Change{Path: path + "[" + item.name + "]", To: item.value})
		}
	}
	if before, after := shared(a, b), shared(b, a); !slices.Equal(before, after) {
		changes = append(changes, Change{Path: path + " (order)", From: before, To: after})
	}
	return changes
}

type named struct {
	name  string
	value any
}

// byName names the elements of a list of objects. It fails for a list that holds anything else.
func byName(list []any) ([]named, bool) {
	out := make([]named, 0, len(list))
	seen := map[string]int{}
	for i, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, false
		}
		name := nameOf(object, i)
		seen[name]++
		if n := seen[name]; n > 1 {
			name += " #" + strconv.Itoa(n)
		}
		out = append(out, named{name, object})
	}
	return out, true
}

// nameOf is what a person would call an element: its title, name or query letter; failing that, its position.
func nameOf(object map[string]any, position int) string {
	for _, key := range []string{"title", "name", "refId"} {
		if text, ok := object[key].(string); ok && text != "" {
			if key == "title" && object["type"] == "row" {
				text = "row " + text // a row may be called like a panel in it
			}
			return strconv.Quote(text)
		}
	}
	if matcher, ok := object["matcher"].(map[string]any); ok { // a field override
		return strconv.Quote(fmt.Sprint(matcher["options"]))
	}
	if id, ok := object["id"].(string); ok && id != "" { // a transformation, or a property of an override
		return strconv.Quote(id)
	}
	return strconv.Itoa(position)
}

func find(list []named, name string) any {
	for _, item := range list {
		if item.name == name {
			return item.value
		}
	}
	return nil
}

// shared lists the names that the other list has as well, in order.
func shared(list, other []named) []string {
	var names []string
	for _, item := range list {
		if find(other, item.name) != nil {
			names = append(names, item.name)
		}
	}
	return names
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
