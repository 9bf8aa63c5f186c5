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
	Page  int `json:"page" minimum:"1" example:"1" doc:"The page this is."`
	Limit int `json:"limit" minimum:"1" maximum:"100" example:"20" doc:"Items on a full page."`
	Total int `json:"total" minimum:"0" example:"247" doc:"Items on all pages together."`
	Pages int `json:"pages" minimum:"0" example:"13" doc:"Pages that the list has."`
}

func answerPage[From, To any](page market.Page[From], convert func(From) To) *listAnswer[To] {
	answer := &listAnswer[To]{}
	answer.Body.Success = true
	answer.Body.Data = make([]To, len(page.Items))
	for i, item := range page.Items {
		answer.Body.Data[i] = convert(item)
	}
	answer.Body.Pagination = pagination{Page: page.Page, Limit: page.Limit, Total: page.Total, Pages: page.Pages()}
	return answer
}

// PageParams are the query parameters of every list. Their bounds are those of market.Paging. The name is exported
// because Huma looks into embedded structs only then.
type PageParams struct {
	Page  int `query:"page" default:"1" minimum:"1" maximum:"100000" example:"1" doc:"The page, from 1."`
	Limit int `query:"limit" default:"20" minimum:"1" maximum:"100" example:"20" doc:"Items on a page."`
}

func (p PageParams) paging() market.Paging { return market.Paging{Page: p.Page, Limit: p.Limit} }

// IDParam is the path parameter of every single resource. Huma looks into embedded structs only when they are exported.
type IDParam struct {
	ID string `path:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11" doc:"Id of the resource."`
}
