package catalogue

// pageLines are of whatever serves the home page.
func pageLines() []Line {
	return []Line{
		{
			Message: "a page cannot be shown", Levels: warn, Help: "What a page of the home page is made from cannot be had.",
			Always: []Attribute{{Name: "title", Type: Text, Help: "What the page says instead"}, errorField},
		},
		{
			Message: "a page cannot be made", Levels: fault, Help: "A fault of ours in the home page.",
			Always: []Attribute{{Name: "page", Type: Text, Help: "Template of the page"}, errorField},
		},
	}
}

func homeLines() []Line {
	return append(pageLines(), Line{
		Message: "home page is listening", Levels: info, Help: "`lookout home` can be looked at.", Always: []Attribute{addrField},
	})
}

func stackLines() []Line {
	return append(pageLines(), metricsNotSent, Line{
		Message: "notice", Levels: info, Help: "What `lookout up` tells whoever runs it.",
		Always: []Attribute{{Name: "text", Type: Text, Help: "The notice"}},
	})
}
