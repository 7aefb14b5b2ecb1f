// The broker's address is the page's ?broker=, or a broker on this machine.
import { connect } from "./index.js";

const broker = new URLSearchParams(location.search).get("broker") ?? "ws://127.0.0.1:8083/mqtt";
const state = document.querySelector("#state");
const list = document.querySelector("#messages");
const form = document.querySelector("#publish");

try {
  const client = await connect(broker, { retryFirst: true });
  state.textContent = client.state.words;
  client.on("state", (now) => (state.textContent = now.words));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await client.publish(form.topic.value, form.payload.value, { qos: 1 });
    } catch (error) {
      state.textContent = error.message;
    }
  });

  for await (const message of client.messages("example/#")) {
    const item = document.createElement("li");
    item.textContent = `${message.topic}: ${message.text()}`; // textContent: what others send is never markup
    list.prepend(item);
    while (list.children.length > 100) list.lastChild.remove();
  }
} catch (error) {
  state.textContent = error.message;
}
