import { useChat } from "cloudllm/react";
import { type ChatMessage, type ChatSummary, createChats } from "cloudllm/web";
import { memo, useEffect, useState } from "react";

const chats = createChats({ url: "/api/chat" });

export function App() {
  const [id, open] = useState(() => location.hash.slice(1) || newId());
  useEffect(() => {
    location.hash = id; // a reload comes back to it
  }, [id]);
  return (
    <>
      <Conversations current={id} open={open} />
      <Conversation id={id} />
    </>
  );
}

function Conversations({ current, open }: { readonly current: string; readonly open: (id: string) => void }) {
  const [list, show] = useState<readonly ChatSummary[]>([]);
  const status = useChat(chats.open(current), (snapshot) => snapshot.status);
  useEffect(() => {
    if (status !== "idle") return; // after a reply, the list has its chat
    chats.list().then(
      (page) => show(page.chats),
      () => undefined,
    );
  }, [status]);
  return (
    <nav>
      <button type="button" onClick={() => open(newId())}>
        New chat
      </button>
      {list.map(({ id, title }) => (
        <button key={id} type="button" disabled={id === current} onClick={() => open(id)}>
          {title}
        </button>
      ))}
    </nav>
  );
}

function Conversation({ id }: { readonly id: string }) {
  const { messages, status, error, send, stop, retry, regenerate } = useChat(chats.open(id));
  const isBusy = status !== "idle" && status !== "failed";
  return (
    <form action={(form) => void send(String(form.get("text")))}>
      {messages.map((message) => (
        <Message key={message.id} message={message} />
      ))}
      {error && <p role="alert">{error.message}</p>}
      <input name="text" placeholder="Ask something" required disabled={isBusy} />
      {isBusy ? (
        <button type="button" onClick={() => void stop()}>
          Stop ({status})
        </button>
      ) : (
        <button type="submit">Send</button>
      )}
      {status === "failed" && (
        <button type="button" onClick={() => void retry()}>
          Try again
        </button>
      )}
      {status === "idle" && messages.length > 0 && (
        <button type="button" onClick={() => void regenerate()}>
          Write it again
        </button>
      )}
    </form>
  );
}

/** Only the message that is being written is another object, and renders. */
const Message = memo(({ message }: { readonly message: ChatMessage }) => (
  <p>
    <b>{message.role}</b> {message.content} {message.role === "assistant" && message.toolCalls.map(({ name }) => name)}
  </p>
));

function newId(): string {
  return crypto.randomUUID();
}
