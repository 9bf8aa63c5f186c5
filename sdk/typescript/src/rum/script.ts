// What /rum.js is bundled from. The tag that loads it says the rest:
//   <script src="/rum.js" data-app="shop" data-release="1.4.0" data-sample-rate="0.1" data-trace></script>
import { startRum, type Rum } from "./index.js";

declare global {
  interface Window {
    rum?: Rum;
  }
}

const { app, release, endpoint, sampleRate, trace, ignorePrivacy } = (document.currentScript as HTMLScriptElement).dataset;
if (app !== undefined && window.rum === undefined) {
  window.rum = startRum({
    app,
    ...(release && { release }),
    ...(endpoint && { endpoint }),
    ...(sampleRate && { sampleRate: Number(sampleRate) }),
    ...(trace !== undefined && { trace: trace.split(/\s+/).filter(Boolean) }),
    respectPrivacy: ignorePrivacy === undefined,
  });
}
