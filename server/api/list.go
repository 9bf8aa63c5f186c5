package api

import "github.com/farmersmarket/platform/server/market"

// itemAnswer answers with one resource.
type itemAnswer[T any] struct {
	Body itemBody[T]
}

type itemBody[T any] struct {
	Success bool `json:"success" example:"true" doc:"Always true; errors are answered as problems."`
	Data    T    `json:"data"`
}

func answerItem[T any](data T) *itemAnswer[T] {
	answer := &itemAnswer[T]{}
	answer.Body.Success, answer.Body.Data = true, data
	return answer
}

// listAnswer answers with one page of resources.
type listAnswer[T any] struct {
	Body struct {
		Success    bool       `json:"success" example:"true" doc:"Always true; errors are answered as problems."`
		Data       []T        `json:"data" nullable:"false" doc:"The items on this page; none behind the last page."`
		Pagination pagination `json:"pagination"`
	}
}

type pagination struct {
	Page    int    `json:"page" minimum:"1" example:"1" doc:"The page this is; behind a cursor, as far as is known."`
	Limit   int    `json:"limit" minimum:"1" maximum:"100" example:"20" doc:"Items on a full page."`
	Total   int    `json:"total" minimum:"0" example:"247" doc:"Items on all pages together. A long list is counted only in part: see total_is_at_least."`
	Pages   int    `json:"pages" minimum:"0" example:"13" doc:"Pages that total makes."`
	AtLeast bool   `json:"total_is_at_least,omitempty" example:"false" doc:"true: there are more items than total, and more pages than pages."`
	Next    string `json:"next,omitempty" maxLength:"1000" example:"8oZ8Gf3Cz7XjQm1pMjAAMjQ3" doc:"Cursor of the next page; absent on the last one."`
}

func answerPage[From, To any](page market.Page[From], convert func(From) To) *listAnswer[To] {
	answer := &listAnswer[To]{}
	answer.Body.Success = true
	answer.Body.Data = make([]To, len(page.Items))
	for i, item := range page.Items {
		answer.Body.Data[i] = convert(item)
	}
	answer.Body.Pagination = pagination{
		Page: page.Number(), Limit: page.Limit, Total: page.Total, Pages: page.Pages(), AtLeast: page.AtLeast, Next: page.Next,
	}
	return answer
}

// PageParams are the query parameters of every list. Their bounds are those of market.Paging. The name is exported
// because Huma looks into embedded structs only then.
type PageParams struct {
	Page   int    `query:"page" default:"1" minimum:"1" maximum:"10000" example:"1" doc:"The page, from 1. Behind 10000 items there are no pages by number: use the cursor."`
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100" example:"20" doc:"Items on a page."`
	Cursor string `query:"cursor" maxLength:"1000" doc:"Instead of page: pagination.next of the page before, with the same filters and order. Takes the same time however far in the list, and shows nothing twice when something is added meanwhile."`
}

func (p PageParams) paging() market.Paging {
	return market.Paging{Page: p.Page, Limit: p.Limit, Cursor: p.Cursor}
}

// IDParam is the path parameter of every single resource. Huma looks into embedded structs only when they are exported.
type IDParam struct {
	ID string `path:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11" doc:"Id of the resource."`
}
