package linesim

import "github.com/tidwall/gjson"

const (
	// maxBubbles is how many bubbles a flex carousel holds (Messaging API reference, "Carousel").
	maxBubbles = 12
	// maxFlexDepth bounds how deep boxes may stand in each other; LINE does not publish such a limit.
	maxFlexDepth = 50
)

// flexRule is the rule of the container of a flex message: its structure, and the properties that
// messaging-api.yml requires. Colors and sizes are not looked at.
func flexRule() rule {
	component := flexComponent()
	box := func(r *report, v gjson.Result) {
		if !isEmpty(v.Get("type")) && v.Get("type").Str != "box" {
			r.under(step{name: "type"}, oneOf("box"), v.Get("type"))
			return
		}
		component(r, v)
	}
	bubble := object(
		may("size", oneOf("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")), may("direction", oneOf("ltr", "rtl")),
		may("header", box), may("hero", component), may("body", box), may("footer", box), may("action", flexAction()),
	)
	return byType(map[string]rule{
		"bubble":   bubble,
		"carousel": object(must("contents", list(1, maxBubbles, byType(map[string]rule{"bubble": bubble})))),
	})
}

// flexAction is the rule of an action in a flex message.
func flexAction() rule { return buttonAction(may("label", graphemes(maxFlexLabel))) }

// flexComponent is the rule of a component, which may hold others.
func flexComponent() rule {
	var component rule
	inner := func(r *report, v gjson.Result) {
		if len(r.path) > 2*maxFlexDepth {
			r.add("is nested too deep")
			return
		}
		component(r, v)
	}
	action := may("action", flexAction())
	component = byType(map[string]rule{
		"box": object(
			must("layout", oneOf("horizontal", "vertical", "baseline")), must("contents", list(0, 1000, inner)), action,
		),
		"button": object(
			must("action", buttonAction(labelled(maxFlexLabel))), may("style", oneOf("primary", "secondary", "link")),
			may("height", oneOf("md", "sm")),
		),
		"image":     object(must("url", mediaURL), may("aspectMode", oneOf("fit", "cover")), action),
		"video":     object(must("url", mediaURL), must("previewUrl", mediaURL), must("altContent", inner), action),
		"icon":      object(must("url", mediaURL)),
		"text":      all(object(may("contents", list(0, 1000, spanRule())), action), textOrSpans),
		"span":      object(),
		"separator": object(),
		"filler":    object(),
	})
	return component
}

// spanRule is the rule of a part of a flex text.
func spanRule() rule { return byType(map[string]rule{"span": object()}) }

// textOrSpans reports a flex text that has neither text nor contents.
func textOrSpans(r *report, v gjson.Result) {
	if isEmpty(v.Get("text")) && isEmpty(v.Get("contents")) {
		r.under(step{name: "text"}, func(r *report, _ gjson.Result) { r.add(mayNotBeEmpty) }, v)
	}
}
