package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// taggedAnswer answers with one resource and its entity tag, which an update has to bring along.
type taggedAnswer[T any] struct {
	ETag string `header:"ETag" doc:"Names this state of the resource; send it as If-Match with an update."`
	Body itemBody[T]
}

func answerTagged[T any](data T) *taggedAnswer[T] {
	answer := &taggedAnswer[T]{Body: itemBody[T]{Success: true, Data: data}}
	answer.ETag = etagOf(answer.Body)
	return answer
}

// etagOf is the strong entity tag of an answer with the body: a digest of it, so that it changes whenever what a client
// sees does, and with nothing else.
func etagOf[T any](body itemBody[T]) string {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false) // as Huma encodes
	_ = encoder.Encode(body)     // never fails: the API's types are plain data
	return etagOfBytes(content.Bytes())
}

// etagOfBytes is the strong entity tag of the bytes of an answer.
func etagOfBytes(content []byte) string {
	const size = 16 // bytes: 128 bits never meet by accident
	sum := sha256.Sum256(bytes.TrimRight(content, "\n"))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:size]) + `"`
}

// IfMatch is the precondition of an update. The name is exported because Huma looks into embedded structs only then.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1000" example:"\"q2Hk7mXv0bNc1sYtRwLzAg\"" doc:"The ETag of the state that this changes. Required: without it the answer is 428; when it has changed meanwhile, 412."`
}

// required fails when the client does not say which state it has seen (RFC 6585, 3).
func (m IfMatch) required() error {
	if strings.TrimSpace(m.IfMatch) == "" {
		return newProblem(http.StatusPreconditionRequired,
			"say which state you change: send the ETag of your last read as If-Match, so that no change of others is lost")
	}
	return nil
}

// OptionalIfMatch is the precondition of an update that may come without one. The name is exported as that of IfMatch is.
type OptionalIfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1000" example:"\"q2Hk7mXv0bNc1sYtRwLzAg\"" doc:"The ETag of the state that this changes. When it has changed meanwhile, the answer is 412. Left out: the change is made whatever the state."`
}

// changeInput is the request for a change that needs nothing but the resource.
type changeInput struct {
	IDParam
	OptionalIfMatch
}

// unchanged returns whether a resource is in a state that the client has seen; nil when it does not say. of is the resource
// as the API shows it.
func unchanged[Resource, T any](m OptionalIfMatch, of func(Resource) T) func(Resource) bool {
	if strings.TrimSpace(m.IfMatch) == "" {
		return nil
	}
	return func(r Resource) bool { return matches(IfMatch(m), of(r)) }
}

// matches reports whether the resource is in a state that the client has seen, by the strong comparison that RFC 9110,
// 13.1.1 asks for.
func matches[T any](m IfMatch, resource T) bool {
	now := etagOf(itemBody[T]{Success: true, Data: resource})
	for candidate := range strings.SplitSeq(m.IfMatch, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == now || candidate == "*" {
			return true
		}
	}
	return false
}

func updateOperation(id, path, summary, tag string) huma.Operation {
	return operation(http.MethodPut, id, path, summary, tag,
		http.StatusNotFound, http.StatusPreconditionFailed, http.StatusUnprocessableEntity, http.StatusPreconditionRequired)
}

// owners are the accounts that have farms; which are theirs the use case decides.
func owners() Access { return owner(market.FarmOwner) }
