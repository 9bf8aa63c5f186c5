package market

import (
	"slices"
	"time"
)

// Product is something a farm sells, in one unit at one price.
type Product struct {
	ID          string // UUID
	FarmID      string
	FarmName    string
	Name        string
	Description string
	Category    Category
	Unit        Unit
	Price       Money // for one unit; more than 0
	Season      Season
	Image       string // hash of its photograph; empty when it has none
	Version     int64  // counts its changes, from 1
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Category says which shelf of the market a product stands on.
type Category string

// The categories of the market.
const (
	Vegetables Category = "vegetables"
	Fruit      Category = "fruit"
	Mushrooms  Category = "mushrooms"
	Herbs      Category = "herbs"
	Dairy      Category = "dairy"
	Eggs       Category = "eggs"
	Meat       Category = "meat"
	Bread      Category = "bread"
	Honey      Category = "honey"
	Preserves  Category = "preserves"
	Drinks     Category = "drinks"
	Flowers    Category = "flowers"
)

// Categories returns every category, in the order a market shows them.
func Categories() []Category {
	return []Category{
		Vegetables, Fruit, Mushrooms, Herbs, Dairy, Eggs, Meat, Bread, Honey, Preserves, Drinks, Flowers,
	}
}

// Valid reports whether the market has the category.
func (c Category) Valid() bool { return slices.Contains(Categories(), c) }

// UnitKind says what a unit's size counts.
type UnitKind string

// The kinds of unit; Size is in grams, in millilitres, or in pieces.
const (
	Weight UnitKind = "weight"
	Volume UnitKind = "volume"
	Item   UnitKind = "item"
)

// UnitKinds returns every kind of unit.
func UnitKinds() []UnitKind { return []UnitKind{Weight, Volume, Item} }

// Unit is what one costs the price: 500 g, a bunch, 1 l.
type Unit struct {
	Kind  UnitKind
	Size  int64  // more than 0; grams, millilitres or pieces, by Kind
	Label string // as shown to customers: "500 g", "bunch"
}
