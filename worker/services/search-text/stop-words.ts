/** Words too common to tell one text from another. */

const english =
  'a about above after again against all am an and any are as at be because been before being below between both but by can ' +
  'could did do does doing down during each few for from further had has have having he her here hers herself him himself his ' +
  'how i if in into is it its itself just me more most my myself no nor not now of off on once only or other our ours out over ' +
  'own same shall she should so some such than that the their theirs them themselves then there these they this those through ' +
  'to too under until up very was we were what when where which while who whom why will with would you your yours yourself';

const chinese =
  '的 了 和 是 就 都 而 及 与 與 着 著 或 一个 一個 没有 沒有 我们 我們 你们 你們 他们 他們 她们 它们 是否 在 也 很 到 说 要 去 会 ' +
  '你 我 他 她 它 这 這 那 这个 那个 这些 那些 之 于 於 以 为 為 被 把 从 從 对 對 由 并 並 其 等 吗 呢 吧 啊 哦 因为 所以 但是 如果 ' +
  '什么 什麼 怎么 怎麼 哪些 哪个 如何 以及 还 還 又 再 则 将 向 让 使 给 得 地';

const japanese =
  'これ それ あれ この その あの ここ そこ あそこ こと もの ため よう です ます した して する いる ある なる から まで より など ' +
  'では には とは ので のに でも だけ ました ません でした という として について における によって';

export const stopWords: ReadonlySet<string> = new Set(`${english} ${chinese} ${japanese}`.split(' '));
