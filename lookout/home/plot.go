package home

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The drawing's own units. It is stretched to the size the page gives it; strokes and dots keep theirs.
const (
	plotWidth  = 1000
	plotHeight = 200
)

// series is one line of a plot.
type series struct {
	Name   string
	points []point
}

// plotInput is what a plot is made of.
type plotInput struct {
	id, title string
	unit      unit
	minTop    float64 // the axis reaches at least this far, so that noise does not look like news
	from, to  time.Time
	step      time.Duration
	series    []series
	exemplars []exemplar
}

// unit writes a value of the y axis.
type unit func(value float64) string

// plot is what the template draws. Coordinates are in plotWidth × plotHeight, y downwards.
type plot struct {
	ID, Title string
	Lines     []plotLine
	YTicks    []tick // from top to bottom
	Dots      []plotDot
	Empty     bool // no series has a value
	Failure   string
}

type tick struct {
	Y     float64
	Label string
}

type plotLine struct {
	Class, Name, Path, Area, Now string
}

type plotDot struct {
	X, Y       string
	TraceID    string
	Title      string
	BeyondAxis bool
}

// newPlot scales the series to an axis that starts at 0 and ends at a round number.
func newPlot(in plotInput) plot {
	p := plot{ID: in.id, Title: in.title, Empty: true}
	highest := in.minTop
	for _, s := range in.series {
		for _, point := range s.points {
			if isNumber(point.value) {
				highest, p.Empty = math.Max(highest, point.value), false
			}
		}
	}
	top := roundUp(highest)
	for i := 4; i >= 0; i-- {
		p.YTicks = append(p.YTicks, tick{Y: plotHeight * float64(4-i) / 4, Label: in.unit(top * float64(i) / 4)})
	}
	scale := scale{from: in.from, to: in.to, top: top}
	for i, s := range in.series {
		line := plotLine{Class: "s" + strconv.Itoa(i+1), Name: s.Name, Now: "–"}
		line.Path, line.Area = scale.path(s.points, in.step, len(in.series) == 1)
		if n := len(s.points); n > 0 && isNumber(s.points[n-1].value) {
			line.Now = in.unit(s.points[n-1].value)
		}
		p.Lines = append(p.Lines, line)
	}
	for _, e := range in.exemplars {
		p.Dots = append(p.Dots, plotDot{
			X: coordinate(scale.x(e.at)), Y: coordinate(scale.y(math.Min(e.value, top))), TraceID: e.traceID,
			Title:      fmt.Sprintf("%s at %s UTC: open the trace", in.unit(e.value), e.at.UTC().Format("15:04:05")),
			BeyondAxis: e.value > top,
		})
	}
	return p
}

type scale struct {
	from, to time.Time
	top      float64
}

func (s scale) x(at time.Time) float64 {
	return plotWidth * float64(at.Sub(s.from)) / float64(s.to.Sub(s.from))
}

func (s scale) y(value float64) float64 { return plotHeight * (1 - value/s.top) }

// path draws the points as a line that breaks where values are missing, and the area below it when asked to.
func (s scale) path(points []point, step time.Duration, withArea bool) (line, area string) {
	var l, a strings.Builder
	var start, last point
	open := false
	closeArea := func() {
		if open && withArea {
			fmt.Fprintf(&a, "L%s %d L%s %d Z", coordinate(s.x(last.at)), plotHeight, coordinate(s.x(start.at)), plotHeight)
		}
		open = false
	}
	for _, p := range points {
		if !isNumber(p.value) || (open && p.at.Sub(last.at) > step*3/2) {
			closeArea()
		}
		if !isNumber(p.value) {
			continue
		}
		command := "L"
		if !open {
			command, start, open = "M", p, true
		}
		segment := command + coordinate(s.x(p.at)) + " " + coordinate(s.y(p.value))
		l.WriteString(segment)
		if withArea {
			a.WriteString(segment)
		}
		last = p
	}
	closeArea()
	return l.String(), a.String()
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func isNumber(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// roundUp gives the smallest of 1, 2, 4, 6, 8, 10 times a power of ten that is at least v: its quarters are short
// numbers too.
func roundUp(v float64) float64 {
	if v <= 0 || !isNumber(v) {
		return 1
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 4, 6, 8} {
		if v <= step*magnitude*(1+1e-9) {
			return step * magnitude
		}
	}
	return 10 * magnitude
}

// short writes a number with at most three significant digits and no trailing zeros.
func short(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', min(digits, 6), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func perSecond(v float64) string { return short(v) + "/s" }

func percent(v float64) string { return short(v*100) + " %" }

// seconds writes a duration given in seconds in the unit that needs the fewest digits.
func seconds(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.001:
		return short(v*1e6) + " µs"
	case v < 1:
		return short(v*1000) + " ms"
	default:
		return short(v) + " s"
	}
}
