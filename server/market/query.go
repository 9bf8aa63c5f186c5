package market

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of list queries.
const (
	DefaultLimit = 20
	MaxLimit     = 100
	MaxPage      = 100_000
	MaxSearch    = 100 // characters
)

// Paging picks one page of a list.
type Paging struct {
	Page  int // 1 to MaxPage
	Limit int // items on a page, 1 to MaxLimit
}

// Offset is the number of items before the page.
func (p Paging) Offset() int { return (p.Page - 1) * p.Limit }

func (p Paging) validate() error {
	if p.Page < 1 || p.Page > MaxPage {
		return &InvalidError{Field: "page", Rule: fmt.Sprintf("be 1 to %d", MaxPage), Value: p.Page}
	}
	if p.Limit < 1 || p.Limit > MaxLimit {
		return &InvalidError{Field: "limit", Rule: fmt.Sprintf("be 1 to %d", MaxLimit), Value: p.Limit}
	}
	return nil
}

// Page is one page of a list.
type Page[T any] struct {
	Paging
	Items []T
	Total int // items on all pages together
}

// Pages is the number of pages that the whole list has.
func (p Page[T]) Pages() int { return (p.Total + p.Limit - 1) / p.Limit }

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
	Search   string // found in the name, the description or the farm's name, without regard to case and accents
	Sort     Sort   // empty is SortName
}

// normalize fills in the defaults; it fails with ErrInvalid.
func (q ProductQuery) normalize() (ProductQuery, error) {
	if err := q.validate(); err != nil {
		return q, err
	}
	if q.Category != "" && !q.Category.Valid() {
		return q, &InvalidError{Field: "category", Rule: "be one of " + list(Categories()), Value: q.Category}
	}
	var err error
	if q.Search, err = normalizeSearch(q.Search); err != nil {
		return q, err
	}
	q.Sort, err = normalizeSort(q.Sort, ProductSorts())
	q.FarmID, q.OwnerID = strings.ToLower(q.FarmID), strings.ToLower(q.OwnerID)
	return q, err
}

// FarmQuery picks farms. Empty fields do not narrow the choice.
type FarmQuery struct {
	Paging
	Search   string // found in the name, the description or the place, without regard to case and accents
	OwnerID  string
	Listed   bool // only what visitors see: verified farms
	Verified *bool
	Sort     Sort // empty is SortName
}

// normalize fills in the defaults; it fails with ErrInvalid.
func (q FarmQuery) normalize() (FarmQuery, error) {
	if err := q.validate(); err != nil {
		return q, err
	}
	var err error
	if q.Search, err = normalizeSearch(q.Search); err != nil {
		return q, err
	}
	q.Sort, err = normalizeSort(q.Sort, FarmSorts())
	q.OwnerID = strings.ToLower(q.OwnerID)
	return q, err
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
