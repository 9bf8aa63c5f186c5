package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
)

// productsPerFarm is how many products a farm sells, in a small catalogue as in a large one.
const productsPerFarm = 50

// A catalogue is made of words with a known frequency, so that a search can be for a common or a rare one.
var (
	qualities = strings.Fields("Aged Baby Bunched Cold-pressed Crisp Dried Early Floury Fresh Garden Golden Green Heritage " +
		"Hill Large Late Mild Mixed Mountain New Old Organic Pickled Purple Raw Red Ripe River Salted Sharp Small Smoked " +
		"Soft Spring Stone-ground Summer Sweet White Wild Winter")
	goods = strings.Fields("apples asparagus bacon baguette barley beans beef beetroot blackberries blueberries brioche " +
		"buttermilk cabbage carrots cauliflower celeriac cheddar cherries chicken chives chutney cider cream cucumbers " +
		"currants dill duck eggs fennel garlic goat-cheese gooseberries ham hazelnuts heather honey jam juice kale lamb " +
		"leeks lentils lettuce marmalade milk mint mushrooms mutton oats onions parsley parsnips pears peas peppers " +
		"plums pork potatoes pumpkin quinces radishes raspberries rhubarb rosemary rye sage sausages shallots sourdough " +
		"spelt spinach squash strawberries thyme tomatoes tulips turnips venison walnuts watercress wheat yoghurt")
	syllables = strings.Fields("an ar bel bri cal con dor el fin gal har in kel lor mar nor or pel quin ros sal tor ul ven wil yar")
)

const (
	rareWords    = 40     // words that are in rareProducts products each, however many there are
	rareProducts = 10     //
	commonWord   = "tops" // in a third of all descriptions
)

// invented makes the n-th word of a language that uses its syllables again and again, as languages do.
func invented(n int) string {
	base := len(syllables)
	return syllables[n%base] + syllables[n/base%base] + syllables[(n/base/base+n)%base]
}

func rareWord(n int) string { return "x" + invented(n*37) }

// generated is a catalogue of so many products. It is the same every time.
type generated struct {
	products int
	random   *rand.Rand
	since    time.Time
}

func generate(products int) *generated {
	return &generated{
		products: products, random: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // to be the same every time
		since: time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (g *generated) farms() int { return max(1, g.products/productsPerFarm) }

// farmID and productID make ids that are spread as random ones are.
func farmID(n int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "farm %d", n)).String()
}

func productID(n int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "product %d", n)).String()
}

func (g *generated) farm(n int) market.Farm {
	return market.Farm{
		ID: farmID(n), Name: strings.ToUpper(invented(n)[:1]) + invented(n)[1:] + " Farm", Description: "On the hill above the river.",
		Place: "Ballyvara", Region: "County Wicklow", Country: "IE", Verified: true, VerifiedAt: g.since,
		Version: 1, CreatedAt: g.since, UpdatedAt: g.since,
	}
}

// product must be called with n from 0 on, in order.
func (g *generated) product(n int) market.Product {
	pick := func(from []string) string { return from[g.random.IntN(len(from))] }
	name := pick(qualities) + " " + pick(goods)
	description := "Picked in the morning, " + invented(g.random.IntN(4000)) + " variety"
	if g.random.IntN(3) == 0 {
		description += ", with their " + commonWord
	}
	// Each rare word is in one of so many products, spread over the catalogue.
	if every := g.products / (rareWords * rareProducts); every > 0 && n%every == 0 {
		description += ", " + rareWord(n/every%rareWords)
	}
	created := g.since.Add(time.Duration(n) * time.Minute)
	categories := market.Categories()
	return market.Product{
		ID: productID(n), FarmID: farmID(n % g.farms()), FarmName: g.farm(n % g.farms()).Name, Name: name, Description: description + ".",
		Category: categories[g.random.IntN(len(categories))],
		Unit:     market.Unit{Kind: market.Weight, Size: 500, Label: "500 g"},
		Price:    market.Money{Amount: int64(100 + g.random.IntN(5000)), Currency: market.EUR},
		Season:   market.SeasonBetween(time.January, time.December), Version: 1, CreatedAt: created, UpdatedAt: created,
	}
}
