package market

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of list queries.
const (
	DefaultLimit = 20
	MaxLimit     = 100
	// MaxPage is the last page that can be asked for by its number. What is behind MaxDepth items is reached by cursors
	// only: to skip items a database has to pass them all.
	MaxPage   = MaxDepth
	MaxDepth  = 10_000
	MaxCount  = 500  // how far the items of a list are counted
	MaxSearch = 100  // characters
	MaxCursor = 1000 // characters
)

// Paging picks one page of a list: by its number, or by the cursor that the page before it ended with.
type Paging struct {
	Page   int // 1 to MaxPage; 1 with a cursor
	Limit  int // items on a page, 1 to MaxLimit
	Cursor string
	After  Position // what the cursor says
}

// Offset is the number of items before a page that is picked by its number.
func (p Paging) Offset() int {
	if !p.After.Zero() {
		return 0
	}
	return (p.Page - 1) * p.Limit
}

// Before is the number of items before the page, as far as is known.
func (p Paging) Before() int { return p.Offset() + p.After.Before }

// normalize reads the cursor. picks is what decides which items are in the list, and in which order. It fails with
// ErrInvalid.
func (p Paging) normalize(picks []string) (Paging, error) {
	if p.Page < 1 || p.Page > MaxPage {
		return p, &InvalidError{Field: "page", Rule: fmt.Sprintf("be 1 to %d", MaxPage), Value: p.Page}
	}
	if p.Limit < 1 || p.Limit > MaxLimit {
		return p, &InvalidError{Field: "limit", Rule: fmt.Sprintf("be 1 to %d", MaxLimit), Value: p.Limit}
	}
	if p.Cursor != "" {
		if p.Page > 1 {
			return p, &InvalidError{Field: "page", Rule: "be left out where there is a cursor", Value: p.Page}
		}
		var err error
		p.After, err = readCursor(p.Cursor, picks)
		p.Cursor = "" // After says the same
		return p, err
	}
	if p.Offset() >= MaxDepth {
		return p, &InvalidError{Field: "page", Value: p.Page, Rule: fmt.Sprintf(
			"be 1 to %d with a limit of %d; to go on from there, give pagination.next of an answer as cursor",
			(MaxDepth-1)/p.Limit+1, p.Limit)}
	}
	return p, nil
}

// Page is one page of a list.
type Page[T any] struct {
	Paging
	Extent
	Items []T
	Next  string // cursor of the next page; empty on the last one
}

// Extent is how long a list is, and where a page of it ends.
type Extent struct {
	Total   int  // items on all pages together
	AtLeast bool // there are more than Total, which were not counted
	End     Position
}

// Number is the number of the page. Where it was picked by a cursor, it counts the items before it.
func (p Page[T]) Number() int { return p.Before()/p.Limit + 1 }

// Pages is the number of pages that the list has, as far as it is counted.
func (p Page[T]) Pages() int { return (p.Total + p.Limit - 1) / p.Limit }

// withNext gives the page the cursor of the next one.
func withNext[T any](page Page[T], err error, picks []string) (Page[T], error) {
	page.Next = page.End.cursor(picks)
	return page, err
}

// Sort orders a list. A leading minus turns the order round.
type Sort string

// The orders a list can have. Names are compared without regard to case and accents; what compares equal is ordered by id,
// so that pages never overlap.
const (
	SortName      Sort = "name"
	SortNameDesc  Sort = "-name"
	SortPrice     Sort = "price"
	SortPriceDesc Sort = "-price"
	SortNewest    Sort = "newest"
)

// ProductSorts returns every order that products can have; the first is the default.
func ProductSorts() []Sort {
	return []Sort{SortName, SortNameDesc, SortPrice, SortPriceDesc, SortNewest}
}

// FarmSorts returns every order that farms can have; the first is the default.
func FarmSorts() []Sort { return []Sort{SortName, SortNameDesc, SortNewest} }

// ProductQuery picks products. Empty fields do not narrow the choice.
type ProductQuery struct {
	Paging
	Category Category
	FarmID   string
	OwnerID  string // of the farm
	Listed   bool   // only what visitors see: products of verified farms
	// Search is words that are found in the name, the description or the farm's name, without regard to case and accents;
	// those of one or two characters at the beginning of words.
	Search string
	Sort   Sort // empty is SortName
}

// normalize fills in the defaults; it fails with ErrInvalid.
func (q ProductQuery) normalize() (ProductQuery, error) {
	if q.Category != "" && !q.Category.Valid() {
		return q, &InvalidError{Field: "category", Rule: "be one of " + list(Categories()), Value: q.Category}
	}
	var err error
	if q.Search, err = normalizeSearch(q.Search); err != nil {
		return q, err
	}
	if q.Sort, err = normalizeSort(q.Sort, ProductSorts()); err != nil {
		return q, err
	}
	q.FarmID, q.OwnerID = strings.ToLower(q.FarmID), strings.ToLower(q.OwnerID)
	q.Paging, err = q.Paging.normalize(q.Picks())
	return q, err
}

// Picks is what decides which products are in the list, and in which order.
func (q ProductQuery) Picks() []string {
	return []string{
		"products", string(q.Category), q.FarmID, q.OwnerID, strconv.FormatBool(q.Listed), q.Search, string(q.Sort),
	}
}

// FarmQuery picks farms. Empty fields do not narrow the choice.
type FarmQuery struct {
	Paging
	Search   string // found in the name, the description or the place, as those of products
	OwnerID  string
	Listed   bool // only what visitors see: verified farms
	Verified *bool
	Sort     Sort // empty is SortName
}

// normalize fills in the defaults; it fails with ErrInvalid.
func (q FarmQuery) normalize() (FarmQuery, error) {
	var err error
	if q.Search, err = normalizeSearch(q.Search); err != nil {
		return q, err
	}
	if q.Sort, err = normalizeSort(q.Sort, FarmSorts()); err != nil {
		return q, err
	}
	q.OwnerID = strings.ToLower(q.OwnerID)
	q.Paging, err = q.Paging.normalize(q.Picks())
	return q, err
}

// Picks is what decides which farms are in the list, and in which order.
func (q FarmQuery) Picks() []string {
	verified := ""
	if q.Verified != nil {
		verified = strconv.FormatBool(*q.Verified)
	}
	return []string{"farms", q.Search, q.OwnerID, strconv.FormatBool(q.Listed), verified, string(q.Sort)}
}

func normalizeSort(sort Sort, allowed []Sort) (Sort, error) {
	if sort == "" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, sort) {
		return "", &InvalidError{Field: "sort", Rule: "be one of " + list(allowed), Value: sort}
	}
	return sort, nil
}

// normalizeSearch refuses what no name can contain: control characters, among them NUL, which PostgreSQL cannot store.
func normalizeSearch(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", &InvalidError{Field: "q", Rule: "be UTF-8 text without control characters", Value: text}
	}
	if utf8.RuneCountInString(text) > MaxSearch {
		return "", &InvalidError{Field: "q", Rule: fmt.Sprintf("have at most %d characters", MaxSearch), Value: text}
	}
	return strings.TrimSpace(text), nil
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, ", ")
}
