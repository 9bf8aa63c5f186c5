package traffic

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// maxSeen bounds what is remembered of each kind; a shopper does not know a million products.
const maxSeen = 500

const (
	productsPath = "/api/v1/products"
	farmsPath    = "/api/v1/farms"
	pageSize     = 20
)

// market is what the traffic has learned of the market from the API's lists.
type market struct {
	mu           sync.Mutex
	products     []string // ids
	farms        []string // ids
	categories   []string
	words        []string // of product names, to search for
	productPages int
	known        map[string]bool
}

// answer is the part of a list's JSON that the traffic reads.
type answer struct {
	Data       []item `json:"data"`
	Pagination struct {
		Pages int `json:"pages"`
	} `json:"pagination"`
}

type item struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Category string `json:"category"`
}

// learn remembers what a list's answer shows. An answer of another shape teaches nothing, which is no error: the
// traffic then stays on the lists.
func (m *market) learn(path string, body []byte) {
	list, query, _ := strings.Cut(path, "?")
	if list != productsPath && list != farmsPath {
		return
	}
	var got answer
	if json.Unmarshal(body, &got) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if list == productsPath && !strings.Contains(query, "category=") && !strings.Contains(query, "q=") {
		m.productPages = got.Pagination.Pages
	}
	for _, item := range got.Data {
		if list == farmsPath {
			m.add(&m.farms, "farm", item.ID)
			continue
		}
		m.add(&m.products, "product", item.ID)
		m.add(&m.categories, "category", item.Category)
		for word := range strings.FieldsSeq(item.Name) {
			m.add(&m.words, "word", strings.Trim(word, ",.()"))
		}
	}
}

func (m *market) add(list *[]string, kind, value string) {
	if m.known == nil {
		m.known = map[string]bool{}
	}
	key := kind + " " + value
	if value == "" || m.known[key] || len(*list) >= maxSeen {
		return
	}
	m.known[key] = true
	*list = append(*list, value)
}

// nextPath is what the next shopper asks for. Of a hundred, 38 leaf through products, 14 filter by category, 14 search,
// 24 open a product, 5 list farms and 5 open one; until the lists have been seen, all of them look at the lists.
func (m *market) nextPath(random func(n int) int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	pick := func(from []string) string { return url.QueryEscape(from[random(len(from))]) }
	open := func(from []string) string { return url.PathEscape(from[random(len(from))]) }
	switch n := random(100); {
	case n < 14 && len(m.categories) > 0:
		return fmt.Sprintf("%s?category=%s&limit=%d", productsPath, pick(m.categories), pageSize)
	case n < 28 && len(m.words) > 0:
		return fmt.Sprintf("%s?q=%s&limit=%d", productsPath, pick(m.words), pageSize)
	case n < 52 && len(m.products) > 0:
		return productsPath + "/" + open(m.products)
	case n < 57 && len(m.farms) > 0:
		return farmsPath + "/" + open(m.farms)
	case n < 62:
		return fmt.Sprintf("%s?limit=%d", farmsPath, pageSize)
	}
	// Most people never leave the first pages.
	page := 1 + random(max(1, min(m.productPages, 1+random(6))))
	return fmt.Sprintf("%s?page=%d&limit=%d", productsPath, page, pageSize)
}
