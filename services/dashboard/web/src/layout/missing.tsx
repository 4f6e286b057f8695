import { PageHead } from './page-head.tsx'

export function Missing() {
  return (
    <>
      <PageHead title="Nothing here" />
      <p class="lead">
        There is no such view, or it is not for your role. <a href="/">Go to the start</a>
      </p>
    </>
  )
}
